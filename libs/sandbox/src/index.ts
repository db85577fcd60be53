export * from './driver.ts'
export * from './seccomp.ts'
