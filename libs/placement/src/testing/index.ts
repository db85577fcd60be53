export * from './memory-leader-board.ts'
export * from './model-worker.ts'
export * from './stage.ts'
