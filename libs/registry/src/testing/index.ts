export * from './memory-catalogue.ts'
