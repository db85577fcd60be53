export * from './master-keys.ts'
export * from './sealer.ts'
