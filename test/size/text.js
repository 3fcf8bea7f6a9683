// A page that needs one helper, and leaves the network to its worker.
import { characterTokenizer } from "unrolled";

console.log(characterTokenizer("to be or not to be").encode("not"));
