/** The element of an id, which must be of a type. */
export function element<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} "${id}"`);
}

/** A new element with a class and a text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** Sets a text only where it is another, so that nothing is read out twice. */
export function say(where: Element, text: string): void {
  if (where.textContent !== text) where.textContent = text;
}

/** Choices of a select by value and label; the chosen one stays where it still is. */
export function fill(
  select: HTMLSelectElement,
  choices: Readonly<Record<string, string>>,
  chosen = select.value,
): void {
  const now = [...select.options].map(({ value, text }) => `${value}=${text}`).join();
  const wanted = Object.entries(choices);
  if (now !== wanted.map(([value, text]) => `${value}=${text}`).join()) {
    select.replaceChildren(...wanted.map(([value, text]) => new Option(text, value)));
  }
  if (Object.hasOwn(choices, chosen)) select.value = chosen;
}

/** A colour of the theme. */
export const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const themes = matchMedia("(prefers-color-scheme: dark)");
export const onTheme = (draw: () => void) => themes.addEventListener("change", draw);
