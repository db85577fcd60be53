export type { AdminConfig } from './door.ts'
export * from './service.ts'
