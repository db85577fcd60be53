export * from '../fixtures.ts'
export * from './broker-servers.ts'
export * from './fake-aws.ts'
export * from './kafka-mock.ts'
