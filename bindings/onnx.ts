/**
 * Networks out of ONNX files and into them.
 * @module unrolled/onnx
 */

export { exportOnnx, type OnnxExportOptions } from "./onnx/export.ts";
export { importOnnx, readOnnx, type OnnxOptions } from "./onnx/import.ts";
export { OnnxModel, type OnnxPort, type OnnxTensors } from "./onnx/model.ts";
