export * from './master-keys.ts'
export * from './package-seal.ts'
export * from './sealer.ts'
