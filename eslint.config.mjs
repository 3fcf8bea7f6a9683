import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const random = {
  object: "Math",
  property: "random",
  message: "not reproducible: draw from a seeded generator.",
};

// The standard leaves the last bits of these to the engine, so results would differ between runtimes.
const inexact = [
  ...["exp", "expm1", "log", "log10", "log1p", "log2", "pow", "cbrt", "hypot"],
  ...["sin", "cos", "tan", "asin", "acos", "atan", "atan2"],
  ...["sinh", "cosh", "tanh", "asinh", "acosh", "atanh"],
];
const fromTheCore = "differs between engines: take it from the core.";

export default defineConfig(
  globalIgnores(["assembly/", "build/", "coverage/", "dist/", "test/golden/", "test/onnxruntime/", "**/node_modules/"]),
  {
    extends: [js.configs.recommended],
    rules: {
      eqeqeq: "error",
      "no-restricted-properties": ["error", random],
      "no-undef": "off", // the type check covers scripts as well
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommended],
  },
  {
    files: ["bindings/**/*.ts", "test/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-non-null-assertion": "off", // a[i]! in loops over typed arrays
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/unified-signatures": ["error", { ignoreOverloadsWithDifferentJSDoc: true }], // one is @internal
      "@typescript-eslint/prefer-for-of": "off", // an index loop over a typed array is the plain way
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    files: ["**/*.ts"],
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  {
    files: ["bindings/**/*.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        random,
        ...inexact.map((property) => ({ object: "Math", property, message: fromTheCore })),
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "BinaryExpression[operator='**']", message: fromTheCore },
        { selector: "AssignmentExpression[operator='**=']", message: fromTheCore },
      ],
    },
  },
);
