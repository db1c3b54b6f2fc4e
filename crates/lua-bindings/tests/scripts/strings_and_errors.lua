--= 5	5	pid	13
--= pid was found	pid	pid not found	PID NOT FOUND	pid not foundpid not found
--= 112	dnuof ton dip	e: pid not found 1
--= pid
--= not
--= found
--= 5	x	pid not found	1
--= xxx
--= false	invalid argument #1 to 'find' (string expected, got table)
--= false	invalid argument #1 to 'find' (string expected, got userdata)
--= 1	x	false	false	false	bad argument #1 to 'string' (string expected, got nil)
--= xxx	2	1	3
--= false	at a
--= false	pid not found
--= true
--= false	invalid replacement value (a table)
--= 1001	1001	1001	nil	1001	1006
--= 1001	nil	nil	2007	1001	1006
--= true	true	1001	1006
--= true	nil	1001	1006
--= true	
--= true	false	resulting string too large
--= false
--= false	false	false	false
--= 0	nil
--= false	false
local e = errors.new("pid not found")
print(string.find(e, "not found"), string.find(e, "not found", 1, true), string.match(e, "(%w+) not"), string.len(e))
print(string.gsub(e, "not", "was"), string.sub(e, 1, 3), string.lower(e), string.upper(e), string.rep(e, 2, "|"))
print(string.byte(e), string.reverse(e), string.format("%s: %s %d", "e", e, 1))
for word in string.gmatch(e, "%a+") do print(word) end
print(string.find("has pid not found inside", e), string.gsub("pid not found", e, "x"), string.gsub("a", "a", tostring(e)))
print(string.rep("x", 3, e))
print(pcall(string.find, {}, "x"))
print(pcall(string.find, process.inbox(), "x"))
print(string(1), string("x"), pcall(string, {}), pcall(string, nil), pcall(string))
print(("x"):rep(3), ("abc"):find("b", 1, true), #("x"), ("%d"):format(3))
-- errors in callbacks
print(pcall(string.gsub, "abc", ".", function(c) error("at " .. c, 0) end))
print(pcall(string.gsub, "abc", ".", function(c) error(e) end))
print(select(2, pcall(string.gsub, "abc", ".", function() error(e) end)) == e)
print(pcall(string.gsub, "abc", ".", { a = {} }))
-- plain find on long texts
local long = string.rep("a", 1000) .. "needle" .. string.rep("b", 1000)
print(long:find("needle", 1, true), long:find("needle"), long:find("needle", 1001), long:find("needle", 1002), long:find("needle", -1006))
print(long:find("needle", -5000), long:find("needle", 5000), long:find("", 5000), long:find("", 2007), long:find("needle", nil, true))
print(pcall(string.find, long, "needle", {}), pcall(string.find, long, "needle", "1"), long:find("needle", 1.9))
print(long:find("needle", 0 / 0, true) ~= 0, long:find("needle", 1 / 0, true), long:find("needle", -1 / 0, true))
-- sizes
print(pcall(string.rep, "x", 2 ^ 40))
print(pcall(string.rep, "x", -1), pcall(string.rep, string.rep("x", 1000), 2 ^ 31 - 1))
print((pcall(string.format, "%99999d", 1)))
print((pcall(table.concat, { {} })), (pcall(table.create, -1)), (pcall(table.create, 2 ^ 40)), (pcall(table.create, 0 / 0)))
print(#table.create(10, 10), next(table.create(5)))
print((pcall(buffer.create, 2 ^ 40)), (pcall(buffer.create, -1)))
