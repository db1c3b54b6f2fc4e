--= spawn	string	nil
--= spawn_monitored	string	nil
--= true	pid.exit	worker failed
--= spawn_linked	string	nil
--= true	pid.link.down	worker failed
--= spawn_linked_monitored	string	nil
--= true	pid.exit	worker failed
--= true	pid.link.down	worker failed
process.set_options({ trap_links = true })
local id, host = "app:events_exit_worker", "app:processes"
local events = process.events()

local function show(name, count)
    local pid, err = process[name](id, host)
    print(name, type(pid), err)
    for _ = 1, count do
        local event = events:receive()
        print(event.from == pid, event.kind, event.result.error)
    end
end

show("spawn", 0)
show("spawn_monitored", 1)
show("spawn_linked", 1)
show("spawn_linked_monitored", 2)
