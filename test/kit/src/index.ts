export * from './fabric.ts'
export * from './faults.ts'
export * from './faulty-channel.ts'
export * from './nats-server.ts'
