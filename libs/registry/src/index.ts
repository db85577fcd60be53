export * from './ports.ts'
export * from './resolve.ts'
