export * from './memory-book.ts'
