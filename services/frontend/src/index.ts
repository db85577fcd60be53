export * from './config.ts'
export { type AllDoors, type AllDoorsConfig, type AllDoorsDeps, startAllDoors } from './doors/all.ts'
export type { AwsDoor, DoorHead, DoorRequest, DoorResponse, Principal } from './doors/door.ts'
export { type FrontendDeps, type FrontendService, startFrontend } from './service.ts'
