export * from './client/client.ts'
export * from './client/sign.ts'
export * from './commands/env.ts'
export * from './connection.ts'
