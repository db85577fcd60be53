export * from './link.ts'
export * from './server-binary.ts'
