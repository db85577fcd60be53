// Loaded by warm-up.mjs.
exports.handler = (event) => event
