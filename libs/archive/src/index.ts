export * from './read-zip.ts'
export * from './unpack-zip.ts'
