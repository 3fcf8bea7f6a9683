// On every page of the site: where a page has an experiment, it takes the place of the picture that stands there without scripts.
const host = document.querySelector("[data-experiment]");
if (host) {
  const base = new URL(document.documentElement.dataset.base ?? "./", document.baseURI);
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: new URL("experiment/experiment.css", base).href });
  document.head.append(style);
  import(new URL("experiment/experiment.js", base).href).then(({ show }) => show(host));
}
