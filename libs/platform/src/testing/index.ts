export * from './fake-clock.ts'
export * from './test-sealer.ts'
