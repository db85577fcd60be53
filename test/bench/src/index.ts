export * from './core/case.ts'
export * from './core/rounds.ts'
