--= chunk
--= function
print("chunk")
return function() print("function") return "ignored" end
