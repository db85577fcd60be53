export * from './broker-book.ts'
export * from './broker-sources.ts'
