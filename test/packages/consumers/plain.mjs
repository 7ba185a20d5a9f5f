// A program without Handover: `node --import @handover/core/register plain.mjs`.
import http from 'node:http'

http.createServer((_request, response) => response.end('no generation')).listen(0, '127.0.0.1')
