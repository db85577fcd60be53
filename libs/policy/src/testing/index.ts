export * from './memory-identities.ts'
