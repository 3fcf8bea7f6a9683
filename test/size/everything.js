import * as unrolled from "unrolled";

console.log(unrolled);
