/** Nothing: what Node and the measuring take. */
export const run = () => 0;
