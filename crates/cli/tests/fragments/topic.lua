--= raw
--= prices	raw again	true
--= true
--= nil	false
local topic = "prices"
local ch = process.listen(topic)
process.send(process.pid(), topic, "raw")
print((ch:receive()))

ch = process.listen(topic, { message = true })
process.send(process.pid(), topic, "raw again")
local msg = ch:receive()
print(msg:topic(), msg:payload(), msg:from() == process.pid())

print(process.unlisten(ch))
print(ch:receive())
