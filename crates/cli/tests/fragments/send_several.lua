--= true	nil
--= values	one	nil	3
--= false	NotFound	could not resolve 'nobody' as PID or registered name
--= false	Invalid	cannot send to @ topics
process.registry.register("receiver")
local ok, err = process.send("receiver", "values", "one", nil, 3)
print(ok, err)
local msg = process.inbox():receive()
print(msg:topic(), msg:payload()[1], msg:payload()[2], msg:payload()[3])

ok, err = process.send("nobody", "values")
print(ok, err:kind(), err)
ok, err = process.send(process.pid(), "@inbox", 1)
print(ok, err:kind(), err)
