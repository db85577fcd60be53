export { fields, ports } from './config.ts'
export { prepareFabric } from './fabric.ts'
export { writeFiles } from './files.ts'
