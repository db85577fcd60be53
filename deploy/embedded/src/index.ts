export { type EmbeddedDeps, type Fabric, startEmbedded } from './fabric.ts'
export { type EmbeddedOptions, parseOptions } from './options.ts'
