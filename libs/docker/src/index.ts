export { createDockerDriver, type DockerDriverOptions, defaultDockerSocket } from './docker-driver.ts'
export type { InsideHelper } from './docker-sandbox.ts'
