export { type ChosenDriver, chooseDriver, type DriverOptions } from './choose-driver.ts'
export type { DriverChoice, NetworkDeclaration, WorkerConfig, WorkerDeps } from './config.ts'
export { readNetworks } from './network/read-declaration.ts'
export { startWorker, type WorkerService } from './service.ts'
