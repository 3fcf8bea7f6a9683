import "@tensorflow/tfjs-backend-cpu";
import { predict } from "./tfjs.js";

export const run = () => predict("cpu");
