// The smallest model there is, one ReLU of one number, as ONNX bytes. Creating a session of it sets up ONNX Runtime
// (30-40 ms) ahead of the first real model; it computes nothing of use.

/** IR version 8, opset 17: `x` float32 [1] -> Relu -> `y` float32 [1]. */
export const tinyModel: Uint8Array = Buffer.from('CAg6OwoUCgF4EgF5GgZSZWx1XzAiBFJlbHUSAXRaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgIQEQ==', 'base64');
