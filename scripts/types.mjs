// Writes the types of the library: what its entries export and all that this names, in a declaration file for each source
// file, with a map by which editors get from a name to its line in the source.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

const root = join(import.meta.dirname, "..").replaceAll("\\", "/");
const outDir = `${root}/dist/types`;
const entries = ["index", "run", "formats", "onnx"].map((name) => `${root}/bindings/${name}.ts`);

const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (path) => readFileSync(path, "utf8"));
const { options, errors } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
const program = ts.createProgram(entries, {
  ...options,
  ...{ noEmit: false, declaration: true, emitDeclarationOnly: true, declarationMap: true, stripInternal: true, outDir },
  ...{ newLine: ts.NewLineKind.LineFeed, types: [], noCheck: true }, // `npm run typecheck` has checked
});

/** What stands in the declarations of a source file, by its path. @type {Map<string, Scope>} */
const scopes = new Map();
/** The names that are needed of a source file, by its path. @type {Map<string, Set<string>>} */
const needed = new Map();

emit((path, text) => {
  if (path.endsWith(".d.ts")) scopes.set(path.replace(outDir, root).replace(/\.d\.ts$/, ".ts"), scopeOf(path, text));
});
for (const entry of entries) for (const name of scopeAt(entry).links.keys()) need(entry, name);

rmSync(outDir, { recursive: true, force: true });
emit(
  (path, text) => {
    mkdirSync(dirname(path), { recursive: true });
    // Every version of the compiler understands imports of .js, and they are as long, so the map stays right.
    writeFileSync(path, path.endsWith(".map") ? text : text.replace(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
  },
  (path) => needed.has(path),
  (statement, path) => withNeeded(statement, /** @type {Set<string>} */ (needed.get(path))),
);

/**
 * @typedef {object} Scope
 * @property {Map<string, { from: string, name: string }>} links what is imported, or exported of another file
 * @property {Map<string, ts.Statement[]>} declared
 */

/**
 * Lets the compiler write the declarations of the source files of which `isWanted`, each statement as `change` makes it.
 * @param {(path: string, text: string) => void} write
 * @param {(path: string) => boolean} isWanted
 * @param {(statement: ts.Statement, path: string) => ts.Statement | undefined} change
 */
function emit(write, isWanted = () => true, change = (statement) => statement) {
  /** @param {ts.SourceFile} file */
  const changeFile = (file) =>
    ts.factory.updateSourceFile(
      file,
      file.statements
        .map((statement) => change(statement, file.fileName))
        .filter((statement) => statement !== undefined),
    );
  /** @type {ts.TransformerFactory<ts.SourceFile | ts.Bundle>} */
  const transformer = () => (node) => (ts.isSourceFile(node) ? changeFile(node) : node);
  const diagnostics = [...errors];
  for (const file of program.getSourceFiles()) {
    if (file.isDeclarationFile || !isWanted(file.fileName)) continue;
    const result = program.emit(file, write, undefined, true, { afterDeclarations: [transformer] });
    diagnostics.push(...result.diagnostics);
  }
  if (diagnostics.length > 0) throw new Error(ts.formatDiagnostics(diagnostics, ts.createCompilerHost(options)));
}

/** @param {string} path @param {string} text @returns {Scope} */
function scopeOf(path, text) {
  /** @type {Scope} */
  const scope = { links: new Map(), declared: new Map() };
  for (const statement of ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true).statements) {
    for (const { name, propertyName } of specifiersOf(statement) ?? []) {
      scope.links.set(name.text, { from: sourceOf(statement), name: (propertyName ?? name).text });
    }
    for (const name of namesOf(statement)) {
      scope.declared.set(name, [...(scope.declared.get(name) ?? []), statement]);
    }
  }
  return scope;

  /** @param {ts.Statement} statement */
  function sourceOf(statement) {
    const { moduleSpecifier } = /** @type {ts.ImportDeclaration | ts.ExportDeclaration} */ (statement);
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier))
      throw new Error(`${path}: export where it is declared`);
    return join(dirname(path.replace(outDir, root)), moduleSpecifier.text).replaceAll("\\", "/");
  }
}

/** The names that a statement imports or exports of another file. @param {ts.Statement} statement */
function specifiersOf(statement) {
  if (ts.isImportDeclaration(statement)) {
    const bindings = statement.importClause?.namedBindings;
    if (!bindings || !ts.isNamedImports(bindings)) throw new Error(`import by names: ${statement.getText()}`);
    return bindings.elements;
  }
  if (!ts.isExportDeclaration(statement)) return undefined;
  if (!statement.exportClause || !ts.isNamedExports(statement.exportClause)) {
    throw new Error(`export by names: ${statement.getText()}`);
  }
  return statement.exportClause.elements;
}

/** The names that a statement declares. @param {ts.Statement} statement @returns {string[]} */
function namesOf(statement) {
  const declared = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement];
  return declared.flatMap((node) => {
    const { name } = /** @type {ts.NamedDeclaration} */ (node);
    return name && ts.isIdentifier(name) ? [name.text] : [];
  });
}

/** @param {string} path */
function scopeAt(path) {
  const scope = scopes.get(path);
  if (scope === undefined) throw new Error(`the public types need ${path}, which is no source file`);
  return scope;
}

/** Marks a name that stands in a file, and all that its declarations name. @param {string} path @param {string} name */
function need(path, name) {
  const { links, declared } = scopeAt(path);
  const names = needed.get(path) ?? new Set();
  const link = links.get(name);
  const statements = declared.get(name);
  if (names.has(name) || !(link ?? statements)) return;
  needed.set(path, names.add(name));
  if (link) need(link.from, link.name);
  for (const statement of statements ?? []) visit(statement);

  /** @param {ts.Node} node */
  function visit(node) {
    const isUse = ts.isIdentifier(node) && /** @type {ts.NamedDeclaration} */ (node.parent).name !== node;
    if (isUse) need(path, node.text);
    ts.forEachChild(node, visit);
  }
}

/** What of a statement stands under these names. @param {ts.Statement} statement @param {Set<string>} names */
function withNeeded(statement, names) {
  if (ts.isImportDeclaration(statement)) {
    const clause = statement.importClause;
    if (!clause?.namedBindings || !ts.isNamedImports(clause.namedBindings)) return statement;
    const kept = clause.namedBindings.elements.filter(({ name }) => names.has(name.text));
    if (kept.length === 0) return undefined;
    return ts.factory.updateImportDeclaration(
      statement,
      statement.modifiers,
      ts.factory.updateImportClause(
        clause,
        clause.phaseModifier,
        clause.name,
        ts.factory.updateNamedImports(clause.namedBindings, kept),
      ),
      statement.moduleSpecifier,
      statement.attributes,
    );
  }
  const declared = namesOf(statement);
  return declared.length === 0 || declared.some((name) => names.has(name)) ? statement : undefined;
}
