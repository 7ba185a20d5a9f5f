// What the test needs from each program, besides the framework.
process.on('exit', (code) => console.log(`pid ${process.pid} exits with code ${code}`))

/** A short probation keeps the test short. */
export const options = { probationMs: 50 }

/** Adds the headers that name the process of a response. */
export function sign(response, { generation }) {
  response.setHeader('x-generation', generation).setHeader('x-pid', process.pid)
}

/** Prints the line from which the test reads the port. */
export function tellPort(server) {
  console.log(`pid ${process.pid} listens on http://127.0.0.1:${server.address().port}`)
}
