--= hello	42
--= {app:processes|0x00100}	app:hello
--= got	nil	answer
local time = require("time")
print("hello", 42)
print(process.pid(), process.id())
process.send(process.pid(), "t", "answer")
local msg, ok = process.inbox():receive()
print("got", msg:from() == process.pid() and nil, msg.payload)
time.sleep("1ms")
