--= {app:terminal|…}
local my_pid = process.pid()
-- Returns string PID of current process

print(my_pid)
