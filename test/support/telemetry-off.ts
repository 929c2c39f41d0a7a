// ONNX Runtime's telemetry is off in tests that open models in this process, as it is in every slot: it leaves a log file open
// that processes started later would inherit, and writes to the user's home.
process.env['ORT_DISABLE_TELEMETRY'] = '1';
