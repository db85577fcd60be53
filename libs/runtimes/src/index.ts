export * from './detect.ts'
export * from './managed.ts'
