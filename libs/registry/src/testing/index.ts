export * from './memory-catalogue.ts'
export * from './records.ts'
