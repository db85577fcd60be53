export { createDockerDriver, type DockerDriverOptions, defaultDockerSocket } from './docker-driver.ts'
