export { LatestCapacity } from './capacity.ts'
export * from './config.ts'
export * from './service.ts'
