export { type ChosenDriver, chooseDriver, type DriverOptions } from './choose-driver.ts'
export type { DriverChoice, WorkerConfig, WorkerDeps } from './config.ts'
export { startWorker, type WorkerService } from './service.ts'
