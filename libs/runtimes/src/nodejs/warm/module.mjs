// Loaded by warm-up.mjs.
export const handler = (event) => event
