// The application of the two NestJS programs, without decorators, because Node runs it without a compiler.
import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'

class Hello {
  hello() {
    return 'ok'
  }
}
Controller()(Hello)
Get()(Hello.prototype, 'hello', Object.getOwnPropertyDescriptor(Hello.prototype, 'hello'))

export class Application {}
Module({ controllers: [Hello] })(Application)
