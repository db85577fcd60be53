export * from './ledger.ts'
export * from './token-bucket.ts'
